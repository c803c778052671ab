"""What customers write, by language: `{number}` stands for an amount, `{day}` for a day of the month."""

OPENINGS = {
    "en": ["Hello,", "Hi there,", "Dear team,", "Good morning,"],
    "de": ["Hallo,", "Guten Tag,", "Sehr geehrte Damen und Herren,", "Moin,"],
    "es": ["Hola,", "Buenos días:", "Estimado equipo:", "Buenas tardes,"],
    "ru": ["Здравствуйте!", "Добрый день!", "Привет,", "Уважаемая поддержка,"],
    "ja": ["こんにちは。", "お世話になっております。", "はじめまして。", "サポートご担当者様、"],
}


def by_language(text: str) -> dict[str, list[str]]:
    """A paragraph for each language, in the order of `OPENINGS`, with a sentence a line."""
    paragraphs = ([line.strip() for line in paragraph.splitlines()] for paragraph in text.strip().split("\n\n"))
    return dict(zip(OPENINGS, paragraphs, strict=True))


# What could stand in a ticket about anything.
ASIDES = by_language("""
    I have been a customer for {number} months.
    I already wrote to you on the {day}th.
    Nobody answers the phone.
    My customer number is {number}.
    I use the app and the website.
    My neighbour has the same contract.

    Ich bin seit {number} Monaten bei Ihnen.
    Ich habe schon am {day}. geschrieben.
    Am Telefon meldet sich niemand.
    Meine Kundennummer ist {number}.
    Ich nutze die App und die Webseite.
    Mein Nachbar hat denselben Vertrag.

    Soy cliente desde hace {number} meses.
    Ya les escribí el día {day}.
    Nadie contesta el teléfono.
    Mi número de cliente es {number}.
    Uso la aplicación y la página web.
    Mi vecino tiene el mismo contrato.

    Я ваш клиент уже {number} месяцев.
    Я уже писал вам {day} числа.
    По телефону никто не отвечает.
    Мой номер клиента {number}.
    Я пользуюсь приложением и сайтом.
    У соседа такой же договор.

    {number}か月前から利用しています。
    {day}日にもメールを送りました。
    電話が繋がりません。
    お客様番号は{number}です。
    アプリとサイトを使っています。
    隣の人も同じ契約です。
""")

TOPICS = {
    "billing": by_language("""
        You charged me {number} euros too much.
        My invoice of the {day}th is wrong.
        Why is my bill higher than last month?
        The direct debit was taken twice.
        Please send me a corrected invoice.
        I do not understand the fee on my bill.

        Sie haben mir {number} Euro zu viel berechnet.
        Meine Rechnung vom {day}. ist falsch.
        Warum ist die Rechnung höher als im letzten Monat?
        Die Lastschrift wurde zweimal eingezogen.
        Bitte schicken Sie eine korrigierte Rechnung.
        Ich verstehe die Gebühr nicht.

        Me han cobrado {number} euros de más.
        La factura del día {day} está mal.
        ¿Por qué la factura es más alta que el mes pasado?
        El recibo se cobró dos veces.
        Envíenme una factura corregida, por favor.
        No entiendo este cargo.

        С меня списали на {number} евро больше.
        Счёт от {day} числа неверный.
        Почему счёт выше, чем в прошлом месяце?
        Оплату списали дважды.
        Пришлите, пожалуйста, исправленный счёт.
        Мне непонятна эта комиссия.

        {number}ユーロ多く請求されました。
        {day}日の請求書が間違っています。
        なぜ先月より料金が高いのですか。
        料金が二重に引き落とされました。
        正しい請求書を送ってください。
        この手数料の意味がわかりません。
    """),
    "outage": by_language("""
        The internet is down since the {day}th.
        There is no connection at all.
        The router only blinks red.
        The line drops every {number} minutes.
        Pages do not load any more.
        The television signal is gone.

        Das Internet ist seit dem {day}. ausgefallen.
        Es gibt überhaupt keine Verbindung.
        Der Router blinkt nur rot.
        Die Leitung bricht alle {number} Minuten ab.
        Seiten laden nicht mehr.
        Das Fernsehsignal ist weg.

        Internet no funciona desde el día {day}.
        No hay ninguna conexión.
        El router solo parpadea en rojo.
        La línea se corta cada {number} minutos.
        Las páginas ya no cargan.
        Se perdió la señal de televisión.

        Интернет не работает с {day} числа.
        Связи совсем нет.
        Роутер мигает красным.
        Соединение рвётся каждые {number} минут.
        Страницы больше не открываются.
        Пропал телевизионный сигнал.

        {day}日からインターネットが繋がりません。
        まったく接続できません。
        ルーターが赤く点滅しています。
        {number}分ごとに回線が切れます。
        ページが表示されません。
        テレビの信号がありません。
    """),
    "cancellation": by_language("""
        I want to cancel my contract.
        Please end everything by the {day}th.
        I am moving to another provider.
        Confirm my cancellation in writing.
        I will not renew after {number} months.
        How do I get out of this contract?

        Ich möchte meinen Vertrag kündigen.
        Bitte beenden Sie alles zum {day}.
        Ich wechsle zu einem anderen Anbieter.
        Bestätigen Sie die Kündigung schriftlich.
        Nach {number} Monaten verlängere ich nicht.
        Wie komme ich aus diesem Vertrag heraus?

        Quiero cancelar mi contrato.
        Den de baja todo el día {day}, por favor.
        Me cambio a otra compañía.
        Confirmen la baja por escrito.
        No voy a renovar después de {number} meses.
        ¿Cómo salgo de este contrato?

        Хочу расторгнуть договор.
        Прошу отключить всё до {day} числа.
        Я перехожу к другому провайдеру.
        Подтвердите расторжение письменно.
        Через {number} месяцев продлевать не буду.
        Как мне отказаться от договора?

        契約を解約したいです。
        {day}日までにすべて停止してください。
        他の会社に乗り換えます。
        解約の確認書を送ってください。
        {number}か月後は更新しません。
        どうすれば契約をやめられますか。
    """),
    "account": by_language("""
        I cannot log in any more.
        The password reset mail never comes.
        My account is locked after {number} tries.
        I changed my address on the {day}th.
        Please change the name on my account.
        The code by text message does not arrive.

        Ich kann mich nicht mehr anmelden.
        Die Mail für das neue Passwort kommt nie an.
        Mein Konto ist nach {number} Versuchen gesperrt.
        Seit dem {day}. habe ich eine neue Adresse.
        Bitte ändern Sie den Namen in meinem Konto.
        Der Code per SMS kommt nicht.

        Ya no puedo iniciar sesión.
        El correo para la contraseña nunca llega.
        Mi cuenta está bloqueada tras {number} intentos.
        Cambié de dirección el día {day}.
        Cambien el nombre de mi cuenta, por favor.
        No me llega el código por mensaje.

        Не могу войти в личный кабинет.
        Письмо для сброса пароля не приходит.
        Аккаунт заблокирован после {number} попыток.
        С {day} числа у меня новый адрес.
        Измените, пожалуйста, имя в аккаунте.
        Код по СМС не приходит.

        ログインできなくなりました。
        パスワード再設定のメールが届きません。
        {number}回失敗してアカウントがロックされました。
        {day}日に住所が変わりました。
        アカウントの名前を変更してください。
        確認コードのSMSが届きません。
    """),
}

# From patient to desperate; each ticket may hold one of them.
MOODS = {
    "en": ["There is no hurry.", "I would be glad to hear from you.", "This is urgent!", "I will call my lawyer!!"],
    "de": ["Es eilt nicht.", "Ich freue mich auf Ihre Antwort.", "Es ist dringend!", "Ich gehe zum Anwalt!!"],
    "es": ["No hay prisa.", "Espero su respuesta.", "¡Es urgente!", "¡¡Llamaré a mi abogado!!"],
    "ru": ["Это не срочно.", "Буду рад вашему ответу.", "Это срочно!", "Я обращусь к юристу!!"],
    "ja": ["急ぎではありません。", "お返事をお待ちしています。", "至急お願いします！", "弁護士に相談します！！"],
}
EMOJI = [["🙂", "☕"], ["🙏", "👍"], ["😟", "⏰"], ["😡", "🤬", "👎🏽"]]
